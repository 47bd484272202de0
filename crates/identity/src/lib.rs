//! The only place that says who someone is: claims, mappings, matching.
