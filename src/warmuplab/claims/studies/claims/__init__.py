"""The study `claims`: small networks on the shorter half of Multi30k. One claim needs arms of the study `schedules`."""

from warmuplab.claims.studies.claims.notes import FROM_NOTES
from warmuplab.claims.studies.claims.papers import FROM_PAPERS

CLAIMS = (*FROM_NOTES, *FROM_PAPERS)
