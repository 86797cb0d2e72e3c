"""What hosted answers cost: ceilings that are checked before anything is sent, and a record of what was spent."""
