#!/bin/sh
# submit.sh GPUS CPUS MEM_MB MINUTES SCRIPT: creates a Job that runs SCRIPT once, and prints its name.
# STUDY_IMAGE: an image with deepsuper; STUDY_CLAIM: the claim of the volume with the study, mounted at STUDY_MOUNT.
set -eu
: "${STUDY_IMAGE:?set it to an image with deepsuper}" "${STUDY_CLAIM:?set it to a PersistentVolumeClaim}"
name="deepsuper-$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')"
kubectl create --filename - >&2 <<JOB
apiVersion: batch/v1
kind: Job
metadata:
  name: $name
spec:
  backoffLimit: 0
  activeDeadlineSeconds: $(($4 * 60))
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: deepsuper
          image: $STUDY_IMAGE
          command: [sh, "$5"]
          resources:
            limits: {nvidia.com/gpu: $1, cpu: $2, memory: ${3}Mi}
          volumeMounts:
            - {name: study, mountPath: "${STUDY_MOUNT:-/work}"}
            - {name: shared-memory, mountPath: /dev/shm}
      volumes:
        - {name: study, persistentVolumeClaim: {claimName: $STUDY_CLAIM}}
        - {name: shared-memory, emptyDir: {medium: Memory}}
JOB
echo "$name"
