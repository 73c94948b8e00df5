"""What several tests need: composed configurations, short trainings, made-up studies, references computed anew."""
