"""Does the design fit and how fast is it: parts and budgets, cycles, resources, memory map."""
