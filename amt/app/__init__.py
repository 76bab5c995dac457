"""`amt app`: an HTTP application that transcribes recordings and answers questions about them."""
