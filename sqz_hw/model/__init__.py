"""What is computed: SqueezeNet as data, and the networks built, trained and stored from it."""
