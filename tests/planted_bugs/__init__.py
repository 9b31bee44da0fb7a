"""Mistakes to plant, a file a family of ops: rows of (op, mistake, where, right, wrong)."""
