"""`lvzha bench lane`: the lane's firmware in virtual time on the real MicroPython interpreter, judged by what really happened.

The files that are flashed run over a simulated road (onboard/road.py) on a simulated board whose every look, output,
collection, handshake and flash operation takes the time that boards.toml states. Two judges look on: tools/simulator/judge
(beside the core, by its inputs and outputs) and onboard/oracle.py (by the truth of the road). What the figures mean:

`sensor_to_stop_ms`: from the moment a presence sensor's contact closes to the moment the motor's contact opens, opto coupler
and relay included; the sensor's own response is not. `sensor_to_stop_by_interrupt_ms`: of these, where the board reads the sensor on a
pin and the drive is `direct`. `sensor_to_reverse_ms`: the same until the motor turns up, less the drive's dead time. `closings_on_occupied`: motions begun over somebody whom a working
sensor saw. `unseen`: the same where every sensor that could have seen is broken or absent. `long_rig_errors`: closings in a
rig's gap up to `provable_gap_m`; longer gaps are announced and held open (`announced_*`). `one_vehicle_below_m`: below this gap the exit
loop never becomes free between two bodies, so that a trailer and a car behind give the same signals: told as one, and nothing may close between
them (`follow_on_*`: cars 0.5 s behind, at most 3.5 m at 25 km/h). Above it two bodies are told as two, be it a rig (`rigs_split`: one tailgater
too many in the ledger, for a person to look at the photographs) or a tailgater (`tailgate_recall`: from 6.6 m on). A sector's worst erase, 0.4 s,
in the very moment in which the exit loop is free can hide a tailgater: nothing closes on anybody, one vehicle is told. `unexpected_movements`: of the motor, by nothing that may move it. `unsupervised_ms`: how
long an output behind an expander may stay on after the processor restarts.

Only a real board can show: the times marked [assumed] in boards.toml, an ESP32's stalls in a handshake, what a relay does
while the processor boots, the C heap over weeks, interference on long wires, and any force.
"""
