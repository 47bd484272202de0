//! The only place that interprets flows: definitions, expressions, steps, the engine.
