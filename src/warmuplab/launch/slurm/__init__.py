"""The backend `slurm`: a study's populations as job arrays of SLURM, each task the worker command that runs here."""
