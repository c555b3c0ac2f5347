"""Every table, so that Django finds it; each noun's rows live in the file of that noun."""
