"""How strong each term is: its gradient beside the task's, over the parameters that both train, before a run."""
