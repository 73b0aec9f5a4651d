"""The shapes that cross the HTTP door, and nothing but shapes."""
