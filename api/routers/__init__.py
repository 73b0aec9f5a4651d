"""One router per subject; each declares who may enter."""
