"""Bulk runs at the size that they are for, with the figures that were promised: minutes to an hour."""
