"""Everything that is drawn: the figures of studies, of claims, of a rate range test and of the schedules."""
