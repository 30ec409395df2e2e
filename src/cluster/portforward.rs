//! A loopback port that leads into a pod, for a Vault in the cluster: pod
//! addresses are not reachable from everywhere.

use std::net::SocketAddr;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Listens on 127.0.0.1 and forwards each connection to the pod's port.
///
/// # Errors
/// No loopback port can be had.
pub async fn start(pods: Api<Pod>, pod: String, port: u16) -> std::io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let (pods, pod) = (pods.clone(), pod.clone());
            tokio::spawn(async move {
                let Ok(mut forwarder) = pods.portforward(&pod, &[port]).await else { return };
                if let Some(mut stream) = forwarder.take_stream(port) {
                    // An end of either side ends the connection; its user sees that as a transport error.
                    let _ = tokio::io::copy_bidirectional(&mut connection, &mut stream).await;
                }
            });
        }
    });
    Ok((address, task))
}
