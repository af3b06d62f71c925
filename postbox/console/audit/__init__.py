"""The audit: who did what to which, when, with what result; written before it is done and after."""
