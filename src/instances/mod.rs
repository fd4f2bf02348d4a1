//! Instances and the QEMU processes behind them.
