"""The shape of a loss around a point: functions of a loss and its parameters, no more."""
