"""What a story sees and touches from outside: HTTP, broker, databases."""
