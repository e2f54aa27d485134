"""The honesty lab: what each method promises, counted on seeded simulations."""
