"""Who may see and do what: passwords, sessions, tries, and the headers that browsers heed."""
