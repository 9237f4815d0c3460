"""The worker: it takes runs from the queue and has them trained, several at once where that pays."""
