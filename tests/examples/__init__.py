"""The examples, as their READMEs start them, with a relay behind them."""
