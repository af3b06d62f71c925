"""The payment provider: its port, the jobs that workers run there, and reconciliation."""
