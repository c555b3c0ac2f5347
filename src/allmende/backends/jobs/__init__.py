"""What backends do alike for a job: its code, environment and container, and what it leaves."""
