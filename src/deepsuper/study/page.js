"use strict";
const filters = document.getElementById("filters");
if (filters) {
  const items = [...document.querySelectorAll("#answers > article")];
  const plain = (text) => text.normalize("NFKC").toLowerCase();
  const texts = items.map((item) => plain(item.textContent));
  const search = document.getElementById("search");
  const differing = document.getElementById("differing");
  const choices = [...filters.querySelectorAll("select")];
  const show = () => {
    const wanted = plain(search.value.trim());
    let count = 0;
    items.forEach((item, n) => {
      const fits =
        texts[n].includes(wanted) &&
        choices.every((choice) => !choice.value || item.dataset[choice.name] === choice.value) &&
        (!differing.checked || "differs" in item.dataset);
      item.hidden = !fits;
      count += fits;
    });
    document.getElementById("told").textContent = `${count} of ${items.length} items`;
  };
  filters.addEventListener("input", show);
  filters.addEventListener("change", show);
  filters.hidden = false;
  show();
}
