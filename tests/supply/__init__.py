"""What the product is made of, and what is known against it: ``make sbom`` and ``make audit``."""
