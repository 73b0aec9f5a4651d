"""Who asks, what they may do and see, and the record that they did."""
