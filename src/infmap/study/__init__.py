"""Study grid, statistics and comparison tables of runs on the same films."""
