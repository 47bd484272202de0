//! World: the whole system on a manual clock with a seed and a scripted provider.
