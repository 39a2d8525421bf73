"""Stand-ins that tests share: models of their own, which import no more of asyncup than the seam they stand at."""
