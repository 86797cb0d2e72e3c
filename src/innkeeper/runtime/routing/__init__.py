"""Who answers: from a request to the ordered candidates, with the reason in words; pure."""
