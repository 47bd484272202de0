//! The only place with HTTP and WebSocket: channels, hosted pages, the publish API.
