"""Why somebody reaches somebody, or does not: verdict, statements, rules, and a witness."""
