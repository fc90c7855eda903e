"""Whole passages through the real RTSP path: drawn vehicles, five kinds of weather, up to eight lanes at once.

`lvzha bench passes`: cast.py invents the vehicles, weather.py spoils their pictures, lanes.py plays and reads them,
report.py counts, run.py joins them and goes on where an earlier run stopped.
"""
