"""The measured promises of standards.md; `make bench` runs them all, `python -m tests.bench NAME …` some."""
