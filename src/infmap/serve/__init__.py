"""The clinic's server: films in over HTTP, a queue, results out, and the page that shows them."""
