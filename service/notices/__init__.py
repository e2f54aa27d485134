"""Notices: what customers are written when their money needs them, once each."""
