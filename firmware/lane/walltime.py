"""UTC as the lane contract writes it, `2026-11-22T04:12:09.114Z`, to and from milliseconds since 1970. Integers only."""

_DIGITS = "0123456789"


def is_time(text):
    """True for a time of the Gregorian calendar in exactly that form."""
    if len(text) != 24 or text[4] + text[7] + text[10] + text[13] + text[16] + text[19] + text[23] != "--T::.Z":
        return False
    if not all(
        [
            c in _DIGITS
            for c in text[:4] + text[5:7] + text[8:10] + text[11:13] + text[14:16] + text[17:19] + text[20:23]
        ]
    ):
        return False
    month, day = int(text[5:7]), int(text[8:10])
    return (
        1 <= month <= 12
        and 1 <= day <= _month_days(int(text[:4]), month)
        and int(text[11:13]) < 24
        and int(text[14:16]) < 60
        and int(text[17:19]) < 60
    )


def _month_days(year, month):
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _days(year, month, day):
    # Days since 1970-01-01 of a Gregorian date (H. Hinnant, "chrono-compatible low-level date algorithms", days_from_civil).
    if month <= 2:
        year -= 1
    era = year // 400
    y = year - era * 400
    doy = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146097 + y * 365 + y // 4 - y // 100 + doy - 719468


def time_to_ms(text):
    """UTC milliseconds since 1970 of `2026-11-22T04:12:09.114Z`. Raises ValueError for anything else."""
    if type(text) is not str or not is_time(text):
        raise ValueError("not a UTC time as 2026-11-22T04:12:09.114Z: " + repr(text))
    days = _days(int(text[:4]), int(text[5:7]), int(text[8:10]))
    seconds = (days * 24 + int(text[11:13])) * 3600 + int(text[14:16]) * 60 + int(text[17:19])
    return seconds * 1000 + int(text[20:23])


def ms_to_time(at_ms):
    """`2026-11-22T04:12:09.114Z` of UTC milliseconds since 1970."""
    seconds, ms = divmod(at_ms, 1000)
    days, second = divmod(seconds, 86400)
    days += 719468
    era = days // 146097
    doe = days - era * 146097
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    month = mp + 3 if mp < 10 else mp - 9
    year = yoe + era * 400 + (1 if month <= 2 else 0)
    return "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ" % (
        year,
        month,
        doy - (153 * mp + 2) // 5 + 1,
        second // 3600,
        second // 60 % 60,
        second % 60,
        ms,
    )
