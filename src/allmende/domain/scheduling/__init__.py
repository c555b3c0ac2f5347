"""Who runs next: machine, jobs, shares and the kernel that plans."""
