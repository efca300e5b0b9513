"""Files: trainers saved, networks exported."""
