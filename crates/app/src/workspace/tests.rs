//! Tables of workspaces and their mistakes.
