"""The pages that a clinic prints: what stands on them, in which words, and how they are drawn."""
