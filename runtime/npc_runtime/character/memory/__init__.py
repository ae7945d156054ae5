"""What characters remember: events, facts, recall and forgetting."""
