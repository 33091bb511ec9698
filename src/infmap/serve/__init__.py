"""The clinic's server: films in over HTTP, a queue of work, results out, and the page that shows them."""
