"""Side-by-side benchmarks: always two things in one run, quoted as a ratio. The test suite times nothing."""
