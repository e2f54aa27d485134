"""What the project's references say of the same figures, and how exactly they counted them.

"statistics" is the statistics reference, "experimentation" the one on experimentation platforms;
both counted with programs of their own, in other numbers of runs.
"""

from bench.calibration.lines import Published

_S6 = "statistics 6"
_S4 = "statistics 4"
_S7 = "statistics 7"
_S13 = "statistics 13"
_E7 = "experimentation 7"

# Statistics, section 6: 28 daily looks; 2,000 runs without a difference, 1,000 with one. For each
# setting, which is a rate and units an arm and a day, the lift that was planted.
SETTINGS_6 = {
    (0.03, 1500): 0.12164024501105383,
    (0.3, 1500): 0.03267686915507326,
    (0.6, 1500): 0.017466521264389346,
    (0.03, 150): 0.3846602293758637,
}
RUNS_6 = {"alarms": 2000, "power": 1000}
_ROWS_6 = {
    # name: (alarms, power, mean days with the lift) for each of the settings.
    "z daily": (
        (0.278, 0.921, 10.837),
        (0.278, 0.937, 10.534),
        (0.27, 0.949, 10.484),
        (0.2705, 0.896, 11.795),
    ),
    "z once": (
        (0.0545, 0.837, 28.0),
        (0.0505, 0.884, 28.0),
        (0.048, 0.891, 28.0),
        (0.054, 0.796, 28.0),
    ),
    "obrien_fleming": (
        (0.0605, 0.812, 19.617),
        (0.052, 0.864, 19.051),
        (0.0455, 0.858, 19.341),
        (0.05, 0.762, 20.546),
    ),
    "always valid": (
        (0.012, 0.576, 21.494),
        (0.014, 0.595, 21.042),
        (0.015, 0.595, 21.316),
        (0.01, 0.481, 22.782),
    ),
}
# The best row of each kind, whatever it is called: no method here may find less.
_BEST_POWER_6 = {
    "z once": (0.837, 0.884, 0.891, 0.796),
    "obrien_fleming": (0.812, 0.864, 0.858, 0.762),
    "always valid": (0.576, 0.595, 0.595, 0.494),
}

# Experimentation, section 7: 28 daily looks, 4,000 runs; lifts of each rate.
SETTINGS_7 = {(0.4, 500): (0.04, 0.08), (0.03, 3000): (0.08, 0.16)}
RUNS_7 = 4000
_ROWS_7 = {
    # name: (power, mean share of the planned units) for each rate and lift; None where "1.0".
    "z once": {(0.4, 0.04): (0.76, 1.0), (0.03, 0.08): (0.80, 1.0)},
    "obrien_fleming": {
        (0.4, 0.04): (0.73, 0.75),
        (0.4, 0.08): (1.0, 0.40),
        (0.03, 0.08): (0.77, 0.73),
        (0.03, 0.16): (1.0, 0.39),
    },
    "always valid": {
        (0.4, 0.04): (0.46, 0.83),
        (0.4, 0.08): (1.0, 0.37),
        (0.03, 0.08): (0.51, 0.81),
        (0.03, 0.16): (1.0, 0.36),
    },
}


def alarms(row: str, setting: tuple[float, int]) -> Published | None:
    """False alarms over 28 looks."""
    return _of_6(row, setting, 0)


def power(row: str, setting: tuple[float, int], lift: float) -> Published | None:
    """How often a lift was found within 28 looks."""
    return _of_6(row, setting, 1) if setting in SETTINGS_6 else _of_7(row, setting[0], lift, 0)


def used(row: str, setting: tuple[float, int], lift: float) -> Published | None:
    """The mean share of the planned units after which 28 looks were over."""
    if setting not in SETTINGS_6:
        return _of_7(row, setting[0], lift, 1)
    days = _of_6(row, setting, 2)
    return days and Published(days.value / 28, days.source)


def best_power(row: str, setting: tuple[float, int]) -> Published | None:
    """The most that any design of a method's kind found."""
    if setting not in SETTINGS_6 or row not in _BEST_POWER_6:
        return None
    return Published(_BEST_POWER_6[row][list(SETTINGS_6).index(setting)], _S6)


def _of_6(row: str, setting: tuple[float, int], column: int) -> Published | None:
    if row not in _ROWS_6 or setting not in SETTINGS_6:
        return None
    return Published(_ROWS_6[row][list(SETTINGS_6).index(setting)][column], _S6)


def _of_7(row: str, rate: float, lift: float, column: int) -> Published | None:
    found = _ROWS_7.get(row, {}).get((rate, lift))
    return None if found is None else Published(found[column], _E7)


# Statistics, section 4: exact coverage of nominal 95 % intervals, by (rate, lift, units an arm).
_COVERAGE = {
    "Koopman": {
        (0.02, 0.0, 50): 0.9870,
        (0.02, 0.5, 50): 0.9803,
        (0.02, 0.0, 200): 0.9553,
        (0.02, 0.5, 200): 0.9514,
        (0.02, 0.0, 1000): 0.9485,
        (0.02, 0.5, 1000): 0.9521,
        (0.1, 0.0, 50): 0.9494,
        (0.1, 0.5, 50): 0.9461,
        (0.1, 0.0, 200): 0.9518,
        (0.1, 0.5, 200): 0.9509,
        (0.1, 0.0, 1000): 0.9501,
        (0.1, 0.5, 1000): 0.9503,
    },
    "Mee": {
        (0.02, 0.0, 50): 0.9870,
        (0.02, 0.5, 50): 0.9896,
        (0.02, 0.0, 200): 0.9553,
        (0.02, 0.5, 200): 0.9464,
        (0.02, 0.0, 1000): 0.9485,
        (0.02, 0.5, 1000): 0.9509,
        (0.1, 0.0, 50): 0.9494,
        (0.1, 0.5, 50): 0.9469,
        (0.1, 0.0, 200): 0.9518,
        (0.1, 0.5, 200): 0.9506,
        (0.1, 0.0, 1000): 0.9501,
        (0.1, 0.5, 1000): 0.9502,
    },
    # Only where a control has conversions: that section counts an interval that its formula does
    # not define as one that holds the truth, and here it ends at what the limit is.
    "MOVER-R": {
        (0.02, 0.0, 1000): 0.9540,
        (0.02, 0.5, 1000): 0.9534,
        (0.1, 0.0, 200): 0.9518,
        (0.1, 0.5, 200): 0.9514,
        (0.1, 0.0, 1000): 0.9501,
        (0.1, 0.5, 1000): 0.9503,
    },
    "Newcombe": {
        (0.02, 0.0, 50): 0.9976,
        (0.02, 0.5, 50): 0.9946,
        (0.02, 0.0, 200): 0.9641,
        (0.02, 0.5, 200): 0.9681,
        (0.02, 0.0, 1000): 0.9540,
        (0.02, 0.5, 1000): 0.9529,
        (0.1, 0.0, 50): 0.9635,
        (0.1, 0.5, 50): 0.9592,
        (0.1, 0.0, 200): 0.9518,
        (0.1, 0.5, 200): 0.9515,
        (0.1, 0.0, 1000): 0.9501,
        (0.1, 0.5, 1000): 0.9503,
    },
}
# The least over all 79 settings of that section, which no discrete setting may fall below.
LEAST_COVERAGE = {"Koopman": 0.946, "Mee": 0.946, "MOVER-R": 0.948, "Newcombe": 0.948}


def coverage(interval: str, rate: float, lift: float, units: int) -> Published | None:
    """Exact coverage, where that section has the setting."""
    found = _COVERAGE.get(interval, {}).get((rate, lift, units))
    return None if found is None else Published(found, _S4)


# Statistics, section 7: units an arm that show +3.1 % with 80 %, read once.
LIFT_7 = 0.031
UNITS_7 = {0.02: 812_555, 0.1: 149_034, 0.4: 24_624}
ALWAYS_VALID_UNITS_7 = {0.02: 1_555_954, 0.1: 285_380, 0.4: 47_147}
POWER_7 = Published(0.8, _S7)

# Statistics, section 13: false alarms of an authorization rate over people who try again.
DELTA_13 = Published(0.0473, _S13)
ATTEMPTS_13 = Published(0.0747, _S13)
ERROR_13 = 0.006
