"""Indicators: what is counted of the life of cases, over a period and by whatever a case can be counted by.

What there is to count, and how, is data (``data/reference/indicators.toml``, read by `gisops.indicators.definitions`);
the facts that are counted are columns of named SQL (``counting.sql``); `gisops.indicators.counting` puts the two
together, `gisops.indicators.scores` makes composite scores and grades of what was counted.
"""
