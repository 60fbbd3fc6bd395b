"""What users do, proven on the real engine."""
